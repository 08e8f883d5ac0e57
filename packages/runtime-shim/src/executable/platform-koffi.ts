import { createRequire } from 'node:module';
import { arch } from 'node:os';
import type { default as Koffi } from 'koffi';

// Stands for koffi in the package bpfship-shim: the addon for this platform alone, without koffi's sources for all others.
const koffi = createRequire(import.meta.url)(`@koromix/koffi-${process.platform}-${arch()}`) as typeof Koffi;

// oxlint-disable-next-line import/no-default-export -- as koffi has it
export default koffi;
