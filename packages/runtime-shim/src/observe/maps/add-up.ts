/** The largest whole number that a JSON number holds exactly. */
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Decoded values of one type, added up: numbers become their sum, also within structs and lists; of everything else the first counts. */
export function addUp(values: readonly unknown[]): unknown {
  const [first] = values;
  if (isNumber(first)) return sum(values.filter(isNumber));
  if (Array.isArray(first)) return first.map((_, i) => addUp(values.map((value) => (value as unknown[])[i])));
  if (typeof first !== 'object' || first === null) return first;
  return Object.fromEntries(
    Object.keys(first).map((name) => [name, addUp(values.map((value) => (value as Record<string, unknown>)[name]))]),
  );
}

/** Whether a decoded value is a number, however large. */
export function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function sum(values: readonly (number | bigint)[]): number | bigint {
  const isWhole = values.every((value) => typeof value === 'bigint' || Number.isInteger(value));
  if (!isWhole) return values.reduce<number>((total, value) => total + Number(value), 0);
  const total = values.reduce<bigint>((all, value) => all + BigInt(value), 0n);
  return total <= LARGEST && total >= -LARGEST ? Number(total) : total;
}
