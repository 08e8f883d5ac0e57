/** Values longer than this are cut in text; JSON has them whole. */
const MAX_VALUE = 300;

/** A decoded value as text on one line: lists in brackets, structs in braces. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return shorten(value.replace(/\0+$/, '').replaceAll('\0', ' '));
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return `[${value.slice(0, MAX_VALUE).map(valueText).join(' ')}]`;
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([name, member]) => `${name}=${valueText(member)}`);
    return `{${members.join(' ')}}`;
  }
  return '';
}

function shorten(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
