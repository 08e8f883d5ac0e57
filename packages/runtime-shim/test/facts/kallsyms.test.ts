import { describe, expect, it } from 'vitest';
import { openKallsyms } from '../../src/facts/kallsyms.ts';

const TEXT = [
  'ffffffff81000000 T _text',
  'ffffffff81000010 t do_exit',
  'ffffffff81000020 t do_exit.cold',
  '0000000000000000 W weak_one',
  '0000000000000000 D jiffies',
  '0000000000000000 A per_cpu_thing',
  'ffffffffc0000000 t nf_hook\t[nf_tables]',
  'ffffffffc0000000 d nf_table\t[nf_tables]',
  'ffffffff81000030 t do_exit',
].join('\n');

describe('openKallsyms', () => {
  it('tells functions from other symbols, modules’ too', () => {
    const { functions, variables } = openKallsyms(Buffer.from(TEXT));
    expect(['_text', 'do_exit', 'weak_one', 'nf_hook', 'do_exi', 'jiffies'].map((name) => functions.has(name))).toEqual(
      [true, true, true, true, false, false],
    );
    expect(['jiffies', 'per_cpu_thing', 'nf_table', 'do_exit'].map((name) => variables.has(name))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([functions.begins('do_exit.'), functions.begins('per_cpu')]).toEqual([true, false]);
    expect([functions.matches('nf_*'), functions.matches('*_table'), variables.matches('nf_tabl?')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('lists each name once, in order', () => {
    expect(openKallsyms(Buffer.from(TEXT)).list()).toEqual({
      functions: '_text\ndo_exit\ndo_exit.cold\nnf_hook\nweak_one\n',
      variables: 'jiffies\nnf_table\nper_cpu_thing\n',
    });
  });

  it.each([
    ['nothing', ''],
    ['empty lines', '\n\n\n'],
    ['lines without a name', 'ffffffff81000000 T\nffffffff81000000 T \nffffffff81000000\n T x\n'],
    ['a type of two letters', 'ffffffff81000000 TT name\n'],
    ['a name that no program could have', `0 T ${'x'.repeat(5000)}\n0 T \u00e4\u00f6\n0 T a\0b\n`],
  ])('passes over %s', (_name, text) => {
    const symbols = openKallsyms(Buffer.from(text, 'latin1'));
    expect(symbols.list()).toEqual({ functions: '', variables: '' });
    expect(symbols.functions.matches('?*')).toBe(text.includes('\u00e4'));
    expect(symbols.functions.has('')).toBe(false);
  });
});
