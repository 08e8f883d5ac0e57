/** Values longer than this are cut in text; JSON has them whole. */
const MAX_VALUE = 300;

/** An event as one line of text: `field=value` for each of its fields, nested structs in braces. */
export function formatEvent(event: Record<string, unknown>): string {
  return Object.entries(event)
    .map(([name, value]) => `${name}=${formatValue(value)}`)
    .join(' ');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[${value.map(formatValue).join(' ')}]`;
  if (value instanceof Uint8Array) return Buffer.from(value.subarray(0, MAX_VALUE / 2)).toString('hex');
  if (typeof value === 'object' && value !== null) return `{${formatEvent(value as Record<string, unknown>)}}`;
  return String(value);
}

/** Text with blanks or quotes is quoted, so that a line can be split again. NUL bytes, as between arguments, become blanks. */
function quote(text: string): string {
  const shown = text.replace(/\0+$/, '').replaceAll('\0', ' ');
  const cut = shown.length > MAX_VALUE ? `${shown.slice(0, MAX_VALUE)}…` : shown;
  return cut === '' || /[\s"=]/.test(cut) ? JSON.stringify(cut) : cut;
}
