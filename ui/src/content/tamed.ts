/** A page that a run wrote, so that nothing of it runs or asks. The sandbox of its frame and this policy see to that. */

// Our own policy holds in the frame, too, as in all that is made from a blob. This one lets not even our server be asked.
const shut = `<!doctype html><meta charset="utf-8"><meta http-equiv="content-security-policy" content="default-src 'none'; img-src data:">`;

// What the sandbox would stop is made unknown to the browser as well: it connects to the host of a frame before it is
// told not to, and complains of the rest. A tag is one only where its name follows at once; renamed, it is none.
const barred = /<(\/?)(script|noscript|style|link|base|meta|iframe|frame|frameset|object|embed|portal|template)(?=[\s/>])/gi;
const tag = /<[a-z][^<>]*>/gi;
const attribute = /([\s"'/])(on[a-z]+|style|(?:form)?action|ping|srcset|srcdoc|background|src(?!\s*=\s*["']?data:))(?=\s*=)/gi;

export function tamed(html: string): string {
  const renamed = html.replace(barred, (_, slash: string, name: string) => `<${slash}x-${name} hidden`);
  return shut + renamed.replace(tag, (one) => one.replace(attribute, "$1data-$2"));
}
