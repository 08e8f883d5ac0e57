/** Markup that is safe to put into a page. */
export interface Html {
  readonly markup: string;
}

/**
 * A template tag that escapes every value unless it is {@link Html} itself; arrays are joined. It is not called `html`, since formatters
 * would then change the white space of the page, which matters in `<pre>` and in what the content security policy hashes.
 */
export function markup(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { markup: parts.reduce((text, part, i) => text + toMarkup(values[i - 1]) + part) };
}

/** What may stand in a template. */
export type HtmlValue = string | number | Html | readonly HtmlValue[] | undefined;

function toMarkup(value: HtmlValue): string {
  if (value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  if ('markup' in value) return value.markup;
  return value.map(toMarkup).join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
