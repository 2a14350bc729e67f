declare module "plotly.js-cartesian-dist-min" {
  const Plotly: {
    newPlot(place: HTMLElement, data: unknown[], layout: object, config: object): Promise<unknown>;
    toImage(place: HTMLElement, how: object): Promise<string>;
  };
  export default Plotly;
}
