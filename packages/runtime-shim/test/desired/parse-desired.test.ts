import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { generateKeyPair } from '@bpfship/trust';
import { DesiredFile } from '../../src/desired/desired-file.ts';
import { parseDesired, readDesiredFile } from '../../src/desired/parse-desired.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'bpfship-desired-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const SERVICE = 'services: [{ name: a, reference: "r.example/a:1", allowUnsigned: true }]';

describe('the desired state', () => {
  it('is read from YAML, with the keys that it names', async () => {
    const here = folder();
    const { publicKey } = await generateKeyPair({ password: 'x' });
    writeFileSync(join(here, 'acme.pub'), publicKey);
    writeFileSync(
      join(here, 'node.yaml'),
      `schemaVersion: 1
interval: 10m
policy: { keys: [acme.pub] }
maintenanceWindows: [{ days: [sat, sun], start: "02:00", end: "05:00", timeZone: Europe/Berlin }]
services:
  - { name: exec-watch, repository: ghcr.io/acme/exec-watch, version: ^1.2 }
  - name: xdp-guard
    reference: ghcr.io/acme/xdp-guard:stable
    attach: { "*": { interfaceName: eth0 } }
    hold: true
`,
    );
    const desired = await readDesiredFile(join(here, 'node.yaml'));
    expect(desired.policy?.keys).toEqual([publicKey]);
    expect(desired.services.map(({ name }) => name)).toEqual(['exec-watch', 'xdp-guard']);
    const file = new DesiredFile(here);
    expect(await file.read()).toBeUndefined();
    await file.write(desired);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(await file.read()).toEqual(desired);
    writeFileSync(file.path, '{"schemaVersion":1');
    await expect(file.read()).rejects.toMatchObject({
      code: 'ERR_SHIM_DESIRED',
      message: expect.stringContaining('is damaged') as string,
    });
  });

  it.each([
    ['no YAML', 'a: [', /node\.yaml:\d+ is not YAML/],
    ['a list', '- a', /no YAML mapping/],
    ['no version', SERVICE, /schemaVersion/],
    ['another version', `schemaVersion: 2\n${SERVICE}`, /schemaVersion/],
    ['a member that is not known', `schemaVersion: 1\nprunes: true\n${SERVICE}`, /prunes/],
    ['no policy', 'schemaVersion: 1\nservices: [{ name: a, reference: "r.example/a:1" }]', /a has no policy/],
    [
      'two sources',
      'schemaVersion: 1\nservices: [{ name: a, reference: "r/a:1", repository: r/a, allowUnsigned: true }]',
      /exactly one of/,
    ],
    [
      'a repository alone',
      'schemaVersion: 1\nservices: [{ name: a, repository: r/a, allowUnsigned: true }]',
      /needs "version"/,
    ],
    [
      'a broken range',
      'schemaVersion: 1\nservices: [{ name: a, repository: r/a, version: newest, allowUnsigned: true }]',
      /version or range/,
    ],
    [
      'a service twice',
      'schemaVersion: 1\nservices: [{ name: a, reference: "r/a:1", allowUnsigned: true }, { name: a, reference: "r/a:2", allowUnsigned: true }]',
      /stands twice/,
    ],
    [
      'a catalogue that is not there',
      'schemaVersion: 1\nservices: [{ name: a, catalogue: c, allowUnsigned: true }]',
      /catalogue "c"/,
    ],
    ['an interval too short', `schemaVersion: 1\ninterval: 1ms\n${SERVICE}`, /interval/],
    [
      'a time zone of nowhere',
      `schemaVersion: 1\nmaintenanceWindows: [{ start: "01:00", end: "02:00", timeZone: Moon/Tycho }]\n${SERVICE}`,
      /time zone/,
    ],
    ['a key that is not there', `schemaVersion: 1\npolicy: { keys: [none.pub] }\n${SERVICE}`, /none\.pub/],
    ['many aliases', `schemaVersion: 1\na: &a [x,x]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]`, /aliases/],
  ])('is refused with %s', async (_what, text, message) => {
    await expect(parseDesired(text, { name: 'node.yaml', folder: folder() })).rejects.toMatchObject({
      code: 'ERR_SHIM_DESIRED',
      message: expect.stringMatching(message) as string,
    });
  });
});
