import { describe, expect, it } from 'vitest';
import { compareVersions, highestInRange, isInRange, parseRange, parseVersion } from '../../src/desired/semver.ts';

function inRange(version: string, range: string): boolean | undefined {
  const [parsed, set] = [parseVersion(version), parseRange(range)];
  return parsed && set && isInRange(parsed, set);
}

describe('versions', () => {
  it('come in the order of semver.org', () => {
    const order = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.2.0',
      '1.10.0',
      '2.0.0',
    ];
    const parsed = order.map((text) => parseVersion(text)!);
    expect(parsed.toReversed().sort(compareVersions)).toEqual(parsed);
    expect(compareVersions(parseVersion('1.0.0+a')!, parseVersion('v1.0.0+b')!)).toBe(0);
    for (const text of ['1.0', '01.0.0', '1.0.0-', 'latest', '', '1.0.0.0', '99999999999999999999.0.0'])
      expect(parseVersion(text)).toBeUndefined();
  });

  // As node-semver 7 answers.
  it.each([
    ['1.2.3', ['1.2.3'], ['1.2.4', '1.2.3-rc.1']],
    ['^1.2', ['1.2.0', '1.9.9'], ['1.1.9', '2.0.0', '2.0.0-rc.1', '1.3.0-rc.1']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['^0', ['0.5.1'], ['1.0.0']],
    ['^1.2.3-beta.2', ['1.2.3-beta.4', '1.2.3', '1.4.0'], ['1.2.3-beta.1', '1.2.4-beta.2', '2.0.0-0']],
    ['~1.2.3', ['1.2.3', '1.2.9'], ['1.3.0']],
    ['~1.2', ['1.2.0', '1.2.9'], ['1.3.0']],
    ['~1', ['1.9.0'], ['2.0.0']],
    ['1.x', ['1.0.0', '1.9.9'], ['2.0.0', '0.9.9']],
    ['1.2.*', ['1.2.7'], ['1.3.0']],
    ['*', ['0.0.1', '9.9.9'], ['1.0.0-rc.1']],
    ['>=1.0.0 <2.0.0', ['1.0.0', '1.99.0'], ['2.0.0', '0.9.0']],
    ['>= 1.2', ['1.2.0', '3.0.0'], ['1.1.9']],
    ['>1.2', ['1.3.0'], ['1.2.0', '1.2.9']],
    ['<=1.2', ['1.2.9', '0.1.0'], ['1.3.0']],
    ['<1.2.0', ['1.1.9'], ['1.2.0', '1.2.0-rc.1']],
    ['1.2 - 1.4', ['1.2.0', '1.4.9'], ['1.5.0', '1.1.0']],
    ['1.2.3 || ^2', ['1.2.3', '2.5.0'], ['1.2.4', '3.0.0']],
  ])('in %s', (range, inside, outside) => {
    for (const version of inside) expect([version, inRange(version, range)]).toEqual([version, true]);
    for (const version of outside) expect([version, inRange(version, range)]).toEqual([version, false]);
  });

  it.each(['latest', '1.2.3.4', '>>1', '^', '1.2.3 ||| 2', '1'.repeat(300), '>=', '1.2.3 - '])(
    'no range: %s',
    (text) => {
      const range = parseRange(text);
      // "^" and ">=" alone stand for any version, as node-semver has it.
      if (text === '^' || text === '>=') expect(range).toBeDefined();
      else expect(range).toBeUndefined();
    },
  );

  it('the highest, whatever the order', () => {
    const tags = ['1.9.0', 'latest', 'v1.10.0', '1.10.0-rc.1', '2.0.0', '1.2.0', 'sha-abc'];
    expect(highestInRange(tags, parseRange('^1')!)?.text).toBe('v1.10.0');
    expect(highestInRange(tags.toReversed(), parseRange('^1')!)?.text).toBe('v1.10.0');
    expect(highestInRange(['latest'], parseRange('*')!)).toBeUndefined();
  });
});
