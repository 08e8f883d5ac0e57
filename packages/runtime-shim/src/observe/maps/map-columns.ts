import { isNumber } from './add-up.ts';
import type { MapEntry } from './map-contents.ts';
import { valueText } from '../present/value-text.ts';

/** A table of cells below their names. */
export interface CellTable {
  names: string[];
  /** Which columns hold numbers. */
  right: boolean[];
  rows: string[][];
}

/**
 * Entries as a table: a column for each field of the key and of the value, those of nested structs by their paths; `KEY` and `VALUE` where
 * they are no structs. Where both have a field of one name, the value's has `value.` before it.
 *
 * @param options.cpus - the values of per-CPU maps as rows of their own, with the CPU's number.
 */
export function mapColumns(entries: readonly MapEntry[], options: { cpus?: boolean } = {}): CellTable {
  const rows = entries.flatMap(({ key, value, cpus }): [string, unknown][][] => {
    const keyCells = fieldsOf(key, 'key');
    if (!options.cpus || cpus === undefined) return [[...keyCells, ...fieldsOf(value, 'value', keyCells)]];
    return cpus.map((each, cpu) => {
      const head: [string, unknown][] = [...keyCells, ['cpu', cpu]];
      return [...head, ...fieldsOf(each, 'value', head)];
    });
  });
  const names = [...new Set(rows.flatMap((row) => row.map(([name]) => name)))];
  const byName = rows.map((row) => new Map(row));
  return {
    names: names.map((name) => name.toUpperCase()),
    right: names.map((name) => byName.every((row) => !row.has(name) || isNumber(row.get(name)))),
    rows: byName.map((row) => names.map((name) => valueText(row.get(name)))),
  };
}

function fieldsOf(value: unknown, name: string, taken: readonly [string, unknown][] = []): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]];
  return flatten(value, '').map(([path, member]) => [
    taken.some(([other]) => other === path) ? `${name}.${path}` : path,
    member,
  ]);
}

function flatten(value: object, prefix: string): [string, unknown][] {
  return Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const isStruct = typeof member === 'object' && member !== null && !Array.isArray(member);
    return isStruct ? flatten(member as object, path) : [[path, member]];
  });
}
