/** Control characters, the characters that turn the reading direction, and Unicode's own line breaks. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Text that came from a registry, a package or a program, made safe to print: control characters other than line breaks and tabs, and
 * the characters that turn the reading direction, are shown as escapes.
 */
export function sanitize(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

/** One line of foreign text: line breaks are shown as escapes too, so that it cannot pose as a line of ours. */
export function sanitizeLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  return `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`;
}

/**
 * Turns a value into JSON that is safe to print: JSON.stringify leaves DEL, the C1 controls and turned reading directions as they are.
 * 64-bit integers beyond 2^53 become decimal strings, as JSON numbers would lose digits. Bytes become base64.
 */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, jsonValue, indent).replace(/[\p{Bidi_Control}\u007f-\u009f\u2028\u2029]/gu, escaped);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value;
}
