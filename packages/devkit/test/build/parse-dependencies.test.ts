import { expect, it } from 'vitest';
import { parseDependencies } from '../../src/build/parse-dependencies.ts';

it.each([
  ['out.o: /a/b.c /a/b.h\n', ['/a/b.c', '/a/b.h']],
  ['out.o: /a/b.c \\\n  /a/c.h \\\n  ../d.h\n', ['/a/b.c', '/a/c.h', '../d.h']],
  ['/tmp/a\\ b/out.o: /a/with\\ blank.c /a/\\#x.h /a/$$y.h\n', ['/a/with blank.c', '/a/#x.h', '/a/$y.h']],
  ['out.o:\n', []],
  ['', []],
])('reads %j', (text, files) => {
  expect(parseDependencies(text)).toEqual(files);
});
