import type { CatalogueEntry, CatalogueVariant } from '@bpfship/media-types';
import { type Html, markup } from './markup.ts';

/** Versions of one service, newest first. */
export type Versions = readonly [newest: CatalogueEntry, ...older: CatalogueEntry[]];

/** One service as a card: what it is, how to get it, who signed it, where it runs. */
export function renderService([newest, ...older]: Versions): Html {
  const reference = `${newest.repository}@${newest.digest}`;
  const hooks = [...new Set(newest.variants.flatMap((variant) => variant.hooks))].sort();
  return markup`<article data-search="${searchText(newest, hooks)}">
<div class="top"><h2>${newest.name}</h2> <span class="version">${newest.version}</span> <span class="soft">${newest.licenses}</span></div>
${newest.description === undefined ? '' : markup`<p>${newest.description}</p>`}
<ul class="chips" aria-label="Hooks">${hooks.map((hook) => markup`<li>${hook}</li>`)}</ul>
<pre><code>bpfship install ${reference}</code></pre>
<pre><code>oras pull ${reference}</code></pre>
<p class="soft">${renderSigners(newest.signers)}${renderTags(newest.tags)}${renderSource(newest.source)}</p>
<details>
<summary>Will it run? ${plural(newest.variants.length, 'variant')}, in the author’s order</summary>
<div class="scroll"><table class="variants">
<thead><tr><th>Variant</th><th>CPU</th><th>Map types</th><th>Features</th><th>Helpers</th></tr></thead>
<tbody>${newest.variants.map(renderVariant)}</tbody>
</table></div>
</details>
${older.length === 0 ? '' : renderOlder(older)}
</article>
`;
}

function searchText(entry: CatalogueEntry, hooks: readonly string[]): string {
  const helpers = entry.variants.flatMap((variant) => variant.helpers);
  return [entry.name, entry.description ?? '', entry.repository, ...hooks, ...helpers].join(' ').toLowerCase();
}

function renderSigners(signers: readonly string[]): Html {
  if (signers.length === 0) return markup`<strong>Not signed</strong>`;
  return markup`Signed by ${signers.map((signer, i) => markup`${i === 0 ? '' : ', '}<code>${signer}</code>`)}`;
}

function renderTags(tags: readonly string[]): Html | string {
  return tags.length === 0 ? '' : markup` · ${tags.length === 1 ? 'tag' : 'tags'} ${tags.join(', ')}`;
}

/** Only addresses of the web become links: a package must not bring `javascript:` into the page. */
function renderSource(source: string | undefined): Html | string {
  const url = URL.canParse(source ?? '') ? new URL(source ?? '') : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return '';
  return markup` · <a href="${url.href}" rel="noopener noreferrer">source</a>`;
}

function renderVariant(variant: CatalogueVariant): Html {
  return markup`<tr><td>${variant.name}</td><td>${variant.architecture ?? `any ${variant.byteOrder}-endian`}</td><td>${cell(variant.mapTypes)}</td><td>${cell(variant.features)}</td><td>${cell(variant.helpers)}</td></tr>`;
}

function cell(words: readonly string[]): string {
  return words.length === 0 ? '–' : words.join(', ');
}

function renderOlder(older: readonly CatalogueEntry[]): Html {
  const rows = older.map(({ version, digest }) => markup`<tr><td>${version}</td><td><code>${digest}</code></td></tr>`);
  return markup`<details>
<summary>${plural(older.length, 'older version')}</summary>
<div class="scroll"><table><tbody>${rows}</tbody></table></div>
</details>`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
