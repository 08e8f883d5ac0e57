import { describe, expect, it } from 'vitest';
import { compareVersions, searchCatalogue, type SearchQuery } from '../src/search.ts';
import { catalogueOf, entry, variant } from './support/catalogue.ts';

const catalogue = catalogueOf(
  entry({ version: '1.0.0', description: 'Processes as they start' }),
  entry({ version: '1.10.0', description: 'Processes as they start' }),
  entry({ version: '1.9.0', description: 'Processes as they start' }),
  entry({ name: 'exec', repository: 'registry.example.com/acme/exec', description: 'Short' }),
  entry({
    name: 'xdp-guard',
    repository: 'registry.example.com/acme/xdp-guard',
    description: 'Drops packets before exec-watch sees them',
    variants: [
      variant({
        name: 'frags',
        architecture: 'arm64',
        hooks: ['xdp'],
        programTypes: ['xdp'],
        helpers: ['bpf_xdp_load_bytes'],
      }),
    ],
  }),
);

const find = (query: SearchQuery): string[] =>
  searchCatalogue(catalogue, query).map(({ entry: { name, version } }) => `${name} ${version}`);

describe('search', () => {
  it('lists the newest version of each service; all where asked', () => {
    expect(find({})).toEqual(['exec 1.0.0', 'exec-watch 1.10.0', 'xdp-guard 1.0.0']);
    expect(find({ text: 'exec-watch', allVersions: true })).toEqual([
      'exec-watch 1.10.0',
      'exec-watch 1.9.0',
      'exec-watch 1.0.0',
      'xdp-guard 1.0.0',
    ]);
  });

  it('ranks the exact name first, then names, then descriptions', () => {
    expect(find({ text: 'exec' })).toEqual(['exec 1.0.0', 'exec-watch 1.10.0', 'xdp-guard 1.0.0']);
    expect(find({ text: 'EXEC drops' })).toEqual(['xdp-guard 1.0.0']);
  });

  it('wants every word', () => {
    expect(find({ text: 'exec nothing' })).toEqual([]);
    expect(find({ text: '  processes   START ' })).toEqual(['exec-watch 1.10.0']);
    expect(find({ text: 'bpf_xdp_load_bytes' })).toEqual(['xdp-guard 1.0.0']);
  });

  it('has facets: hook with or without target, and architecture', () => {
    expect(find({ hook: 'xdp' })).toEqual(['xdp-guard 1.0.0']);
    expect(find({ hook: 'raw-tracepoint' })).toEqual(['exec 1.0.0', 'exec-watch 1.10.0']);
    expect(find({ hook: 'raw-tracepoint:sched_process_exec', text: 'watch' })).toEqual(['exec-watch 1.10.0']);
    expect(find({ hook: 'raw' })).toEqual([]);
    expect(find({ architecture: 'amd64' })).toEqual(['exec 1.0.0', 'exec-watch 1.10.0']);
    expect(find({ architecture: 'arm64', hook: 'xdp' })).toEqual(['xdp-guard 1.0.0']);
  });

  it('takes the text as text, not as a pattern', () => {
    expect(find({ text: '.*' })).toEqual([]);
    expect(find({ text: '(((' })).toEqual([]);
  });
});

describe('versions', () => {
  // The chain of semver.org, item 11, with numbers beyond 2^53 and build metadata.
  const ordered = [
    '0.9.99',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.0+build',
    '1.0.1',
    '1.2.0',
    '1.10.0',
    '2.0.0',
    '9007199254740993.0.0',
    '9007199254740994.0.0',
  ];

  it('are ordered as semver.org says, totally', () => {
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries())
        expect([a, b, Math.sign(compareVersions(a, b))]).toEqual([a, b, Math.sign(i - j)]);
    }
    expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  });
});
