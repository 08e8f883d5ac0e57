import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BtfIndex, type DocumentError, MAX_BTF_INDEX_SIZE, parseBtfIndex, parseDocument } from '../src/index.ts';

const kind = { name: 'thing', schema: z.looseObject({ a: z.array(z.number()) }), maxSize: 64 };

function errorOf(read: () => unknown): DocumentError {
  try {
    read();
  } catch (error) {
    return error as DocumentError;
  }
  throw new Error('nothing was thrown');
}

describe('parseDocument', () => {
  it('reads bytes, text and values alike', () => {
    const text = '{"a":[1]}';
    for (const input of [text, new TextEncoder().encode(text), { a: [1] }])
      expect(parseDocument(input, kind)).toEqual({ a: [1] });
  });

  it('looks at the size before anything else', () => {
    const error = errorOf(() => parseDocument('x'.repeat(65), kind));
    expect(error).toMatchObject({ code: 'ERR_DOCUMENT_TOO_LARGE', document: 'thing' });
    expect(errorOf(() => parseBtfIndex(new Uint8Array(MAX_BTF_INDEX_SIZE + 1))).code).toBe('ERR_DOCUMENT_TOO_LARGE');
  });

  it.each(['', '{', 'nonsense', '{"a":1}{}'])('refuses %j, which is not JSON', (text) => {
    expect(errorOf(() => parseDocument(text, kind))).toMatchObject({ code: 'ERR_DOCUMENT_NOT_JSON' });
  });

  it('refuses bytes that are not UTF-8, and keeps the cause', () => {
    const error = errorOf(() => parseDocument(Uint8Array.of(0x22, 0xff, 0x22), kind));
    expect(error.code).toBe('ERR_DOCUMENT_NOT_JSON');
    expect(error.cause).toBeDefined();
  });

  it.each(['null', '[]', '"text"', '1'])('refuses %s, which is no object', (text) => {
    expect(errorOf(() => parseBtfIndex(text)).code).toBe('ERR_DOCUMENT_INVALID');
  });

  it('names each broken rule by its path, up to a bound', () => {
    const error = errorOf(() => parseDocument({ a: Array.from({ length: 50 }, () => 'x') }, kind));
    expect(error.issues).toHaveLength(20);
    expect(error.issues[3]?.path).toBe('a[3]');
    expect(error.message).toContain('a[0]');
    expect(error.message).toContain('49 more');
  });

  it('does not let a document reach into prototypes', () => {
    const parsed = parseDocument('{"a":[],"__proto__":{"polluted":true}}', kind);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });
});

describe('parseBtfIndex', () => {
  it('gives back what it was given, typed', () => {
    const index: BtfIndex = {
      schemaVersion: 1,
      mediaType: 'application/vnd.ebpf.service.btf-index.v1+json',
      name: 'demo',
      version: '0.1.0',
      variants: [
        {
          name: 'plain',
          layer: `sha256:${'0'.repeat(64)}`,
          platform: { byteOrder: 'little' },
          object: { path: 'demo.bpf.o', digest: `sha256:${'1'.repeat(64)}`, size: 1 },
          license: 'GPL',
          programs: [{ name: 'p', section: 'xdp', type: 'xdp', hook: 'xdp' }],
          maps: [],
          requirements: [],
        },
      ],
    };
    expect(parseBtfIndex(JSON.stringify(index))).toEqual(index);
  });
});

/** Paths of the rules that an index breaks. */
function brokenPaths(index: object): string[] {
  return errorOf(() => parseBtfIndex(index)).issues.map(({ path }) => path);
}

describe('hostile sizes and shapes', () => {
  const MEGABYTES = 'a.'.repeat(1_500_000);

  it.each(['name', 'version', 'description', 'source'])(
    'a %s of megabytes is a broken rule, not an exhausted stack',
    (member) => {
      const error = errorOf(() => parseBtfIndex({ [member]: MEGABYTES }));
      expect(error.code).toBe('ERR_DOCUMENT_INVALID');
      expect(error.issues.map(({ path }) => path)).toContain(member);
      expect(error.message.length).toBeLessThan(1000);
    },
  );

  it('base64 is read up to its bound, and not beyond', () => {
    const bound = 2 * 1024 * 1024;
    expect(brokenPaths({ variants: [{ types: 'A'.repeat(bound) }] })).not.toContain('variants[0].types');
    expect(brokenPaths({ variants: [{ types: 'A'.repeat(bound + 4) }] })).toContain('variants[0].types');
  });

  it('nesting without end is refused as any other document is', () => {
    const deep = `{"schemaVersion":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    expect(['ERR_DOCUMENT_NOT_JSON', 'ERR_DOCUMENT_INVALID']).toContain(errorOf(() => parseBtfIndex(deep)).code);
  });
});
