import { mutateBytes, pick, type Random } from './mutate.ts';

const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1.5,
  () => 4_294_967_295,
  () => 2 ** 53 + 2,
  () => '',
  () => '__proto__',
  () => 'constructor',
  () => '\u001b[2J',
  () => '\ud800',
  () => 'x'.repeat(300),
  () => [],
  () => ({}),
  () => deep(100),
  () => Array.from({ length: 70_000 }, () => 0),
];

function deep(levels: number): unknown {
  return levels === 0 ? 0 : [deep(levels - 1)];
}

/** A value and what holds it. */
interface Place {
  holder: Record<string, unknown> | unknown[];
  key: string | number;
}

/** Changes a document's tree: values replaced, moved, doubled or cut out, members renamed. One in eight is broken as text. */
export function mutateJson(text: string, random: Random, within: readonly (string | number)[] = []): unknown {
  if (random(8) === 0) return Buffer.from(mutateBytes(Buffer.from(text), random)).toString('utf8');
  const document = { root: JSON.parse(text) as unknown };
  const places = placesIn(document, within);
  if (places.length === 0) return document.root;
  for (let change = random(4); change >= 0; change--) mutateOnce(places, random);
  return document.root;
}

function placesIn(document: { root: unknown }, within: readonly (string | number)[]): Place[] {
  let start: Place = { holder: document, key: 'root' };
  for (const key of within) {
    const value = valueAt(start);
    if (typeof value !== 'object' || value === null || !(key in value)) return [];
    start = { holder: value as Record<string, unknown>, key };
  }
  const places = [start];
  // The list grows while it is walked.
  for (const place of places) {
    const value = valueAt(place);
    if (Array.isArray(value)) for (const key of value.keys()) places.push({ holder: value, key });
    else if (typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) places.push({ holder: value as Record<string, unknown>, key });
    }
  }
  return places;
}

function valueAt({ holder, key }: Place): unknown {
  return (holder as Record<string | number, unknown>)[key];
}

function put({ holder, key }: Place, value: unknown): void {
  (holder as Record<string | number, unknown>)[key] = value;
}

function mutateOnce(places: readonly Place[], random: Random): void {
  const place = pick(places, random);
  const value = valueAt(place);
  switch (random(7)) {
    case 0:
      put(place, pick(VALUES, random)());
      return;
    case 1: {
      // Text of its own: a value that stands in two places would make circles.
      const other = JSON.stringify(valueAt(pick(places, random)) ?? null);
      if (other.length < 65_536) put(place, JSON.parse(other));
      return;
    }
    case 2:
      if (Array.isArray(place.holder)) place.holder.splice(Number(place.key), 1);
      else delete place.holder[place.key];
      return;
    case 3:
      if (Array.isArray(place.holder)) place.holder.push(structuredClone(value));
      else place.holder[`${place.key}x`] = value;
      return;
    case 4:
      if (typeof value === 'string') put(place, mutateText(value, random));
      else if (typeof value === 'number') put(place, random(8));
      return;
    default:
      if (typeof value === 'number') put(place, value + random(9) - 4);
      else if (typeof value === 'string') put(place, mutateText(value, random));
      else if (typeof value === 'boolean') put(place, !value);
  }
}

/** Base64 is taken for the bytes that it stands for. */
function mutateText(text: string, random: Random): string {
  if (text.length > 64 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    return Buffer.from(mutateBytes(Buffer.from(text, 'base64'), random)).toString('base64');
  }
  return Buffer.from(mutateBytes(Buffer.from(text), random)).toString('utf8');
}
