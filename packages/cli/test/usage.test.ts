import { describe, expect, it } from 'vitest';
import { runCli, spawnCli } from './support/cli.ts';

/** Command line, what the error says, what the hint says. */
const cases: [line: string, message: RegExp, hint: RegExp][] = [
  ['pul x', /unknown command 'pul'/, /Did you mean "bpfship pull"/],
  ['hub bild', /unknown command 'bild'/, /Did you mean "bpfship hub build"/],
  ['help nonsense', /unknown command 'nonsense'/, /bpfship --help/],
  ['help pul', /unknown command 'pul'/, /Did you mean "bpfship push"|Did you mean "bpfship pull"/],
  ['nonsense --help', /unknown command 'nonsense'/, /bpfship --help/],
  ['pull', /missing required argument 'reference'/, /"bpfship pull --help"/],
  ['pack', /required option '-o, --output <folder>' not specified/, /"bpfship pack --help"/],
  ['ps one', /too many arguments/, /"bpfship ps --help"/],
  ['ps --formt json', /unknown option '--formt'/, /Did you mean --format/],
  ['ps --format xml', /Allowed choices are text, json/, /bpfship ps --help/],
  ['ps -o json', /unknown option '-o'/, /Did you mean --format json.*bpfship ps --format json/],
  ['install a/b:1 --output=json', /unknown option '--output=json'/, /Did you mean --format json/],
  ['push a:1 b/c:1 --concurrency x', /'x' is invalid. It must be a whole number from 1 to 64/, /push --help/],
  ['push a:1 b/c:1 --concurrency 0', /'0' is invalid/, /push --help/],
  ['copy a/b:1 c/d:1 --concurrency 1e3', /'1e3' is invalid/, /copy --help/],
  ['logs x --count 0', /'0' is invalid. It must be a whole number from 1/, /logs --help/],
  ['logs x --count -1', /'-1' is invalid/, /logs --help/],
  ['logs x --duration soon', /'soon' is invalid. It must be seconds/, /logs --help/],
  ['run a/b:1 --duration 99999999', /is invalid. It must be seconds/, /run --help/],
  ['rollback x --to first', /'first' is invalid/, /rollback --help/],
  ['verify a/b:1', /whose signature is trusted/, /--key FILE/],
  ['install a/b:1', /whose signature is trusted/, /--key FILE/],
  ['install a/b:1 --key k --allow-unsigned', /cannot be used with option/, /install --help/],
  ['search x', /which catalogue/, /--catalogue REFERENCE/],
  ['info --facts --catalogue a/b:1', /cannot be used with option/, /info --help/],
  ['login ghcr.io --password-stdin', /--password-stdin needs --username/, /bpfship login ghcr.io --username/],
  ['login ghcr.io', /no terminal/, /--password-stdin/],
  ['pull ghcr.io/acme/x --username me', /--username needs --password-stdin/, /--password-stdin/],
  ['check not-a-reference', /not-a-reference/, /./],
  ['check ghcr.io/acme/UPPER:1', /UPPER/, /./],
  ['status ../../etc', /is not a service name/, /bpfship ps/],
  ['sign ghcr.io/acme/x:1', /which key signs/, /generate-key-pair/],
];

describe('wrong usage', () => {
  it.each(cases)('bpfship %s', async (line, message, hint) => {
    const { status, stdout, stderr } = await runCli(line.split(' '));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const [first = '', second = '', ...rest] = stderr.split('\n');
    expect(first).toMatch(/^Error: /);
    expect(first).toMatch(message);
    expect(second).toMatch(hint);
    expect(rest).toEqual(['']);
  });

  it.each(cases)('bpfship %s, as JSON', async (line, message, hint) => {
    if (line.includes('format') || line.includes('json')) return;
    for (const flag of [['-j'], ['--json'], ['--format', 'json'], ['--format=json']]) {
      const { status, stdout, stderr } = await runCli([...line.split(' '), ...flag]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hint: string } };
      expect(error.code).toMatch(/^ERR_CLI_USAGE$|^ERR_OCI_INVALID_REFERENCE$/);
      expect(error.message).toMatch(message);
      expect(error.hint).toMatch(hint);
    }
  });

  it('says each thing once, from the process too', async () => {
    expect(await spawnCli(['pull'])).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'Error: missing required argument \'reference\'\n"bpfship pull --help" shows its arguments, options and examples.\n',
    });
    const outcome = await spawnCli(['pull'], { env: { BPFSHIP_FORMAT: 'json' } });
    expect(JSON.parse(outcome.stderr)).toMatchObject({ error: { code: 'ERR_CLI_USAGE' } });
  });
});
