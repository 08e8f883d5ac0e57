import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderPage } from '../src/render-page.ts';
import { catalogueOf, entry, variant } from './support/catalogue.ts';

const ATTACK = `"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\${x}`;

describe('page', () => {
  it('lets nothing of a package become markup', () => {
    const page = renderPage({
      ...catalogueOf(
        entry({
          name: ATTACK,
          description: ATTACK,
          licenses: ATTACK,
          repository: ATTACK,
          signers: [ATTACK],
          tags: [ATTACK],
          source: `https://example.com/${ATTACK}`,
          variants: [
            variant({
              name: ATTACK,
              architecture: ATTACK,
              hooks: [ATTACK],
              helpers: [ATTACK],
              mapTypes: [ATTACK],
              features: [ATTACK],
            }),
          ],
        }),
        entry({ name: ATTACK, repository: ATTACK, version: `0.0.1-${ATTACK}` }),
      ),
      name: ATTACK,
    });
    expect(page).not.toMatch(/<img|onerror=alert\(1\)>(?!&)|<script>alert/);
    expect(page.match(/<script/g)).toHaveLength(1);
    // Every attribute still ends where the page ends it.
    for (const [tag] of page.matchAll(/<[a-z][^>]*>/g))
      expect(tag).toMatch(/^<[a-z0-9]+(?:\s+[a-z-]+(?:="[^"]*")?)*\s*\/?>$/);
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', ' javascript:alert(1)', 'file:///etc/passwd', 'not a url'])(
    'links to no %s',
    (source) => {
      expect(renderPage(catalogueOf(entry({ source })))).not.toContain('<a href');
    },
  );

  it('links to the source by https', () => {
    expect(renderPage(catalogueOf(entry({ source: 'https://example.com/x?a=1&b=2' })))).toContain(
      '<a href="https://example.com/x?a=1&amp;b=2"',
    );
  });

  it('allows its own style and script, and nothing else', () => {
    const page = renderPage(catalogueOf(entry()));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', "'") ?? '';
    expect(policy).toMatch(/^default-src 'none'; /);
    for (const [element, directive] of [
      ['style', 'style-src'],
      ['script', 'script-src'],
    ] as const) {
      const text = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page)?.[1] ?? '';
      expect(policy).toContain(`${directive} 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
    expect(page).not.toMatch(/\son[a-z]+=|style="|src="|@import|url\(/);
  });

  it('is the same each time, and shows the newest version with its commands', () => {
    const catalogue = catalogueOf(
      entry({ version: '1.9.0' }),
      entry({ version: '1.10.0', digest: `sha256:${'1'.repeat(64)}` }),
    );
    const page = renderPage(catalogue);
    expect(renderPage(catalogue)).toBe(page);
    expect(page).toMatch(/class="version">1\.10\.0</);
    expect(page).toContain(`bpfship install registry.example.com/acme/exec-watch@sha256:${'1'.repeat(64)}`);
    expect(page).toContain('<td>1.9.0</td>');
  });

  it('says who did not sign, and that a catalogue is empty', () => {
    expect(renderPage(catalogueOf(entry({ signers: [] })))).toContain('Not signed');
    expect(renderPage(catalogueOf())).toContain('No service is listed');
  });
});
