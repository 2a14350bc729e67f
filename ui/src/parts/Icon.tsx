const paths = {
  anew: "M16.5 10a6.5 6.5 0 1 1-2-4.7M15 1.6v4.1h-4.1",
  check: "M4 10.5l4 4 8-9",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  down: "M5 8l5 5 5-5",
  expand: "M11 4h5v5M9 16H4v-5M16 4l-5.5 5.5M4 16l5.5-5.5",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  eyeOff: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM3 17L17 3",
  link: "M8.5 11.5l3-3M9 6l1.5-1.5a3.5 3.5 0 0 1 5 5L14 11M11 14l-1.5 1.5a3.5 3.5 0 0 1-5-5L6 9",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  moon: "M16 11.5A6.5 6.5 0 1 1 8.5 4a5 5 0 0 0 7.5 7.5z",
  pin: "M7 3h6l-1 5 3 3v1H5v-1l3-3-1-5zM10 12v5",
  plus: "M10 4v12M4 10h12",
  right: "M8 5l5 5-5 5",
  save: "M10 3v9M6 9l4 4 4-4M4 16h12",
  screen: "M3 4h14v9H3zM7 17h6M10 13v4",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13.2 13.2L17 17",
  sun: "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M4.3 15.7l1.4-1.4M14.3 5.7l1.4-1.4",
  swap: "M7 3v13M3.5 12.5L7 16l3.5-3.5M13 17V4M9.5 7.5L13 4l3.5 3.5",
  table: "M3 4h14v12H3zM3 8.5h14M8 8.5V16",
  tune: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
};

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
