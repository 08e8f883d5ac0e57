import { describe, expect, it } from 'vitest';
import { parseValues } from '../../src/node/values-file.ts';

describe('a values file', () => {
  it.each([
    ['YAML', 'parameters:\n  only_pid: 0x10\n  name: "12"\n  loud: true\n  most: 18446744073709551615\n'],
    ['JSON', '{"parameters": {"only_pid": 16, "name": "12", "loud": true, "most": 18446744073709551615}}'],
  ])('is read as %s, large numbers too', async (_form, text) => {
    expect(await parseValues(text, 'v')).toEqual({
      parameters: { only_pid: 16, name: '12', loud: true, most: '18446744073709551615' },
      attach: {},
    });
  });

  it('may be empty', async () => {
    expect(await parseValues('', 'v')).toEqual({ parameters: {}, attach: {} });
  });

  it('says where programs attach', async () => {
    const text =
      'attach:\n  "*": { interfaceName: eth*, priority: 2 }\n  other: [{ cgroupPath: /a }, { cgroupPath: /b }]\n';
    expect((await parseValues(text, 'v')).attach).toEqual({
      '*': { interfaceName: 'eth*', priority: 2 },
      other: [{ cgroupPath: '/a' }, { cgroupPath: '/b' }],
    });
  });

  it.each([
    ['with a key that is not known', 'parameter: { a: 1 }', /Unrecognized key/],
    ['with a target that has no such member', 'attach: { "*": { interface: eth0 } }', /at "attach/],
    ['with a list for a value', 'parameters: { a: [1] }', /at "parameters.a"/],
    ['that is no YAML', 'parameters: {', /neither YAML nor JSON/],
    ['with a key twice', 'parameters: { a: 1, a: 2 }', /unique/],
    ['with a name that no variable has', 'parameters: { "a b": 1 }', /parameters/],
    [
      'that stands for more than it is',
      `a: &a [x]\n${Array.from(
        { length: 8 },
        (_, i) =>
          `b${i}: &b${i} [${Array(20)
            .fill(i === 0 ? '*a' : `*b${i - 1}`)
            .join(',')}]`,
      ).join('\n')}`,
      /aliases/,
    ],
    ['that is too large', 'x'.repeat(1_100_000), /larger than/],
  ])('%s is refused', async (_what, text, message) => {
    await expect(parseValues(text, 'v')).rejects.toMatchObject({
      code: 'ERR_SHIM_VALUES',
      message: expect.stringMatching(message) as string,
    });
  });
});
