export {
  buildCatalogue,
  type BuildCatalogueOptions,
  type SignerLookup,
  type SkippedPackage,
} from './build-catalogue.ts';
export { catalogueEntry, type FoundPackage } from './catalogue-entry.ts';
export { HubError, type HubErrorCode } from './hub-error.ts';
export { fetchCatalogue, publishCatalogue } from './publish.ts';
export { renderPage } from './render-page.ts';
export { compareVersions, newestVersions, searchCatalogue, type SearchQuery, type SearchResult } from './search.ts';
