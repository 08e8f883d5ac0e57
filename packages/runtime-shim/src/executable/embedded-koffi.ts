import type { default as Koffi } from 'koffi';
import { embeddedFile } from './embedded-files.ts';

// Stands for koffi in the single executable: its JavaScript only looks for the addon and renames what is deprecated.
const addon = { exports: {} };
process.dlopen(addon, embeddedFile('koffi.node') ?? '');

// oxlint-disable-next-line import/no-default-export -- as koffi has it
export default addon.exports as typeof Koffi;
