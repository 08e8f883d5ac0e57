export { ARCHITECTURE_NAMES, type ArchitectureName } from './build/architectures.ts';
export { buildProject, type BuildOptions } from './build/build-project.ts';
export { readBuild } from './build/build-record.ts';
export { type BuildStep, type BuiltObject, type BuiltProject, defaultBuildDirectory } from './build/built-project.ts';
export { findToolchain, type Toolchain } from './build/toolchain.ts';
export { DevkitError, type DevkitErrorCode, type DevkitErrorDetails } from './devkit-error.ts';
export { describeObject } from './index/describe-object.ts';
export { deriveIndex } from './index/derive-index.ts';
export {
  inspectPackage,
  type InspectedPackage,
  type InspectedVariant,
  type PackageNode,
} from './inspect/inspect-package.ts';
export { defaultTag, packProject, type PackProjectOptions } from './pack/pack-project.ts';
export {
  PROJECT_FILE_NAME,
  type ProjectFile,
  projectFileJsonSchema,
  ProjectFileSchema,
} from './project/project-file-schema.ts';
export type { Project, ProjectVariant } from './project/project.ts';
export { readProject } from './project/read-project.ts';
export { type InitOptions, initProject, PROJECT_TEMPLATES, type ProjectTemplate } from './init/init-project.ts';
export { packEvidence, type PackEvidenceOptions } from './evidence/pack-evidence.ts';
export { recordEvidence, type RecordedEvidence, type RecordEvidenceOptions } from './evidence/record-evidence.ts';
export { tryBuild, type TryBuildOptions } from './evidence/try-build.ts';
export {
  type KernelToSupplement,
  packSupplement,
  type PackedSupplement,
  type PackSupplementOptions,
} from './supplement/pack-supplement.ts';
