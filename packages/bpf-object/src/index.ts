export { BpfObjectError, type BpfObjectErrorCode, type BpfObjectErrorDetails } from './errors.ts';
export { readElf } from './elf/read-elf.ts';
export { findSection, type ElfFile, type ElfRelocation, type ElfSection, type ElfSymbol } from './elf/elf-file.ts';
export { parseBtf, type ParseBtfOptions } from './btf/parse-btf.ts';
export { Btf } from './btf/btf.ts';
export type {
  BtfArray,
  BtfComposite,
  BtfDataSection,
  BtfDeclarationTag,
  BtfEnum,
  BtfEnumerator,
  BtfFloat,
  BtfForward,
  BtfFunction,
  BtfInt,
  BtfKind,
  BtfMember,
  BtfPrototype,
  BtfReference,
  BtfType,
  BtfUnknown,
  BtfVariable,
  BtfVoid,
} from './btf/btf-type.ts';
export { BtfBuilder, type IntToAdd, type MemberToAdd } from './btf/btf-builder.ts';
export { describeType, listStructs, type FieldDescription, type StructSummary } from './btf/describe-type.ts';
export { type FunctionShape, type ParameterShape, prototypeText, shapeOfPrototype } from './btf/function-shape.ts';
export { enumValues } from './btf/enum-values.ts';
export { sizeOfType, skipModifiers } from './btf/resolve-type.ts';
export { typeName } from './btf/type-name.ts';
export {
  parseBtfExt,
  type BtfExt,
  type CoreRelocationRecord,
  type FunctionInfo,
  type LineInfo,
} from './btf-ext/parse-btf-ext.ts';
export {
  CORE_RELOCATION_KINDS,
  type CoreCandidate,
  type CoreError,
  type CoreLoader,
  type CoreModule,
  type CoreOptions,
  type CoreOutcome,
  type CorePoison,
  type CoreRelocation,
  type CoreRelocationKind,
  type CoreResolved,
  type RelocatedInstruction,
} from './core/relocation.ts';
export { createCoreResolver, resolveCoreRelocation, type CoreResolver } from './core/resolve.ts';
export { buildMinimalKernelBtf, type KernelBtfNeed } from './kernel-btf/minimal-kernel-btf.ts';
export { readBpfObject } from './object/read-bpf-object.ts';
export type {
  BpfExtern,
  BpfFunction,
  BpfMap,
  BpfObject,
  BpfProgram,
  Reference,
  StructOps,
} from './object/bpf-object.ts';
export { readSectionName, type ProgramAttachment } from './object/attach.ts';
export { hookName } from './object/hook-name.ts';
export type { Instruction } from './object/instruction.ts';
export { capabilitiesOf } from './requirements/capabilities.ts';
export { helperName, helperNumber } from './object/helper-names.ts';
export { mapTypeName } from './object/map-types.ts';
export { HELPERS_BY_FORM } from './requirements/helper-form.ts';
export { isAlwaysAllowed } from './context/always-allowed.ts';
export type { AccessKind, ContextAccess } from './context/context-access.ts';
export { calledHelpers, type ContextUse, contextUse } from './context/context-use.ts';
export { relocatedInstruction } from './requirements/core-requirements.ts';
export {
  deriveRequirements,
  type DerivedRequirements,
  type DeriveOptions,
} from './requirements/derive-requirements.ts';
export type { Exploration, RawBranch, RawNode, Site } from './guards/exploration.ts';
export { explore, type ExploreOptions } from './guards/explore.ts';
export { known, type Expression, type Value, type Variable } from './guards/value.ts';
export type {
  GuardBranch,
  GuardCondition,
  GuardGraph,
  GuardNode,
  GuardOperand,
  GuardValue,
  KconfigType,
} from './guards/guard-graph.ts';
export { compare, compute, isArithmetic, isComparison } from './guards/operations.ts';
export type { CoreRelocationRequirement, Requirement } from './requirements/requirement.ts';
export {
  createDecoder,
  type DecoderOptions,
  type EventDecoder,
  type EventField,
  viewOf,
} from './decode/create-decoder.ts';
export { createValueDecoder, type ValueDecoder } from './decode/create-value-decoder.ts';
export { type FieldContent, findField } from './decode/find-field.ts';
export type { ClockOffsets, EventView } from './decode/event.ts';
export { FIELD_FORMATS, type FieldFormat } from './decode/formatting.ts';
export type { Conversion, ConversionStep, PlanOptions, TypeOf } from './convert/conversion.ts';
export { convertBytes } from './convert/convert-bytes.ts';
export { planConversion } from './convert/plan-conversion.ts';
