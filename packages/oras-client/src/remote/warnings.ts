import { printable } from '../printable.ts';

/** Warnings of one registry that are shown, so that a hostile one cannot fill a log. */
const MAX_WARNINGS = 32;
/** distribution-spec, "Warnings": a longer header may be ignored; what is longer is cut here. */
const MAX_LENGTH = 4096;
/** One value of `Warning`, of which only code 299 without a date is used (distribution-spec, "Warnings"; RFC 7234, section 5.5). */
const WARNING = /(?:^|,)\s*299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** Passes the warnings of a registry on, each once, without control characters. */
export function createWarningSink(
  show: ((text: string) => void) | undefined,
): (header: string | string[] | undefined) => void {
  const seen = new Set<string>();
  return (header) => {
    if (header === undefined || !show) return;
    for (const line of [header].flat()) {
      for (const [, quoted = ''] of line.slice(0, MAX_LENGTH).matchAll(WARNING)) {
        const text = printable(quoted.replace(/\\(.)/g, '$1'));
        if (text === '' || seen.has(text) || seen.size >= MAX_WARNINGS) continue;
        seen.add(text);
        show(text);
      }
    }
  };
}
