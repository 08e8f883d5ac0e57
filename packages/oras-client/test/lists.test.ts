import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '@bpfship/registry-dev';
import { describe, expect, it } from 'vitest';
import { packManifest, Registry } from '../src/index.ts';
import { anonymous, repositoryAt, serve } from './support/http.ts';
import { list } from './support/list.ts';

describe('lists', () => {
  it('repositories: page by page, from a start, each once', async () => {
    const asked: string[] = [];
    const host = await serve(({ url = '' }, response) => {
      asked.push(url);
      const isFirst = !url.includes('last=b');
      if (isFirst) response.setHeader('link', '</v2/_catalog?n=2&last=b>; rel="next"');
      response.end(JSON.stringify({ repositories: isFirst ? ['a', 'b'] : ['b', 'c'] }));
    });
    await using registry = new Registry(host, { credentials: anonymous });
    expect(await list(registry.repositories())).toEqual(['a', 'b', 'c']);
    expect(await list(registry.repositories({ last: 'b' }))).toEqual(['b', 'c']);
    expect(asked.at(-1)).toBe('/v2/_catalog?n=1000&last=b');
  });

  it('tags: from a start, and with those of lists of referrers where they are asked for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lists-'));
    const registry = await createRegistry({ root: folder, referrersApi: false });
    try {
      const repository = repositoryAt(registry.host);
      const subject = await packManifest(repository, { artifactType: 'application/vnd.example.v1' });
      await repository.tag(subject, 'v1');
      await repository.tag(subject, 'v2');
      await packManifest(repository, { artifactType: 'application/vnd.example.v1', subject });
      expect(await list(repository.tags())).toEqual(['v1', 'v2']);
      expect(await list(repository.tags({ last: 'v1' }))).toEqual(['v2']);
      const hidden = subject.digest.replace(':', '-');
      expect(await list(repository.tags({ referrersTags: true }))).toEqual([hidden, 'v1', 'v2']);
    } finally {
      await registry.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
