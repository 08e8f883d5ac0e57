import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import {
  checkPackage,
  DocumentError,
  type DocumentErrorCode,
  parseBtfIndex,
  parseCatalogue,
  parseServiceManifest,
} from '../src/index.ts';
import { readVectors } from './vectors.ts';

type DocumentName = 'btf-index' | 'package-manifest' | 'catalogue' | 'kernel-facts';
type Input = { document: DocumentName; value: object } | { document: DocumentName; text: string };
type Expected =
  | { valid: true; means?: object }
  | { valid: false; error: 'invalid' | 'not-json' | 'not-a-service'; path: string; schema: 'accepts' | 'refuses' };

const CODES: Record<string, DocumentErrorCode> = {
  invalid: 'ERR_DOCUMENT_INVALID',
  'not-json': 'ERR_DOCUMENT_NOT_JSON',
  'not-a-service': 'ERR_MANIFEST_NOT_A_SERVICE',
  inconsistent: 'ERR_MANIFEST_INCONSISTENT',
};

/** Kernel facts are read by the portability package, whose tests hold their vectors against its reader. */
const READERS: Partial<Record<DocumentName, (input: string | object) => unknown>> = {
  'btf-index': parseBtfIndex,
  'package-manifest': parseServiceManifest,
  catalogue: parseCatalogue,
};

const vectors = readVectors<Input, Expected>('document');

function errorOf(read: () => unknown): DocumentError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(DocumentError);
    return error as DocumentError;
  }
  throw new Error('the document was accepted');
}

describe('document vectors', () => {
  it('there are enough of them, and each has an id of its own', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(30);
    expect(new Set(vectors.map(({ id }) => id)).size).toBe(vectors.length);
  });

  it.each(vectors.filter(({ input }) => input.document in READERS))('$id: $description', ({ input, expected }) => {
    const read = READERS[input.document]!;
    const given = 'text' in input ? input.text : input.value;
    if (expected.valid) {
      // What is read is what was written: unknown members stay.
      expect(read(given)).toEqual(expected.means ?? ('value' in input ? input.value : JSON.parse(input.text)));
      return;
    }
    const error = errorOf(() => read(given));
    expect(error.code).toBe(CODES[expected.error]);
    expect(error.hint).not.toBe('');
    if (expected.error === 'invalid') expect(error.issues.map(({ path }) => path)).toContain(expected.path);
  });
});

describe('package vectors', () => {
  it.each(readVectors<{ manifest: object; index: object }, { valid: boolean; error?: string }>('package'))(
    '$id: $description',
    ({ input, expected }) => {
      const check = (): void => checkPackage(parseServiceManifest(input.manifest), parseBtfIndex(input.index));
      if (expected.valid) expect(check).not.toThrow();
      else expect(errorOf(check).code).toBe(CODES[expected.error ?? '']);
    },
  );
});

describe('published JSON Schemas', () => {
  // `format` is an annotation in draft 2020-12; the rules behind it are the readers'.
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
  const folder = join(import.meta.dirname, '..', '..', '..', 'spec', 'schemas');
  const compiled = new Map(
    ['btf-index', 'package-manifest', 'catalogue', 'kernel-facts'].map((name) => {
      const schema = JSON.parse(readFileSync(join(folder, `${name}.schema.json`), 'utf8')) as { $id: string };
      expect(schema.$id).toBe(`urn:ebpf-service:0.1:${name}`);
      return [name, ajv.compile(schema)];
    }),
  );

  it.each(vectors.filter(({ input }) => 'value' in input))('$id', ({ input, expected }) => {
    const validate = compiled.get(input.document)!;
    const accepted = validate('value' in input ? input.value : undefined);
    expect(accepted, JSON.stringify(validate.errors)).toBe(expected.valid || expected.schema === 'accepts');
  });
});
