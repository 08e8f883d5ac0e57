import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'spec', 'vectors');

/** A conformance vector (spec/vectors/README.md). */
export interface Vector<Input, Expected> {
  id: string;
  description: string;
  rule: string;
  kind: string;
  input: Input;
  expected: Expected;
}

/** All vectors of one kind. */
export function readVectors<Input, Expected>(kind: string): Vector<Input, Expected>[] {
  return readdirSync(join(FOLDER, kind))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(FOLDER, kind, file), 'utf8')) as Vector<Input, Expected>);
}
