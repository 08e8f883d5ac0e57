import { createHash } from 'node:crypto';
import type { Catalogue, CatalogueEntry } from '@bpfship/media-types';
import { markup } from './markup.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-style.ts';
import { renderService, type Versions } from './render-service.ts';
import { compareVersions } from './search.ts';

/**
 * Renders a catalogue as one static page that needs nothing else: no other file, no network, and no JavaScript except to filter.
 * The content security policy allows exactly the page's own style and script.
 */
export function renderPage(catalogue: Catalogue): string {
  const services = groupVersions(catalogue.entries);
  const policy = `default-src 'none'; style-src '${hashSource(PAGE_STYLE)}'; script-src '${hashSource(PAGE_SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const count = `${services.length} eBPF ${services.length === 1 ? 'service' : 'services'}`;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${catalogue.name}: eBPF services</title>
<style>${{ markup: PAGE_STYLE }}</style>
</head>
<body>
<header>
<h1>${catalogue.name}</h1>
<p class="soft">${count}, as of <time datetime="${catalogue.created}">${readableTime(catalogue.created)}</time></p>
<input type="search" placeholder="Search by name, hook, helper…" aria-label="Search services" hidden>
</header>
<main>
<p id="none" class="soft" role="status" hidden>No service matches.</p>
${services.length === 0 ? markup`<p class="soft">No service is listed in this catalogue.</p>` : services.map(renderService)}
</main>
<footer class="soft">
<p>Every line of this page was read from the packages themselves. Signatures were checked when the catalogue was built; a node checks them again before it loads anything.</p>
</footer>
<script>${{ markup: PAGE_SCRIPT }}</script>
</body>
</html>
`;
  return page.markup;
}

/** Versions of one service in one repository, newest first; services by name. */
function groupVersions(entries: readonly CatalogueEntry[]): Versions[] {
  const groups = new Map<string, CatalogueEntry[]>();
  for (const entry of entries) {
    const key = `${entry.name}\n${entry.repository}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([, group]) =>
        group.sort((a, b) => compareVersions(b.version, a.version)) as [CatalogueEntry, ...CatalogueEntry[]],
    );
}

/** `2026-01-02T03:04:05Z` as `2026-01-02 03:04 UTC`. */
function readableTime(time: string): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*Z$/, '$1 $2 UTC');
}

function hashSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
