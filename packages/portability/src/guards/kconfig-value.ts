import type { GuardValue } from '@bpfship/media-types';
import { lookUp } from '../answer.ts';
import type { KernelFacts } from '../facts.ts';
import type { KernelValue } from './kernel-values.ts';

type KconfigValue = Extract<GuardValue, { kconfig: string }>;

/** Names that the loader answers by itself (libbpf, bpf_object__resolve_externs), and the feature that says what. */
const LOADER_FEATURES: Readonly<Record<string, string>> = {
  LINUX_HAS_BPF_COOKIE: 'bpf-cookie',
  LINUX_HAS_SYSCALL_WRAPPER: 'syscall-wrapper',
};

/** Values of libbpf's `enum libbpf_tristate`. */
const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n };

/** Bytes of an option's variable as the loader fills it in (libbpf, set_kcfg_value_tri, _str and _num). */
export function kconfigValue(value: KconfigValue, facts: KernelFacts): KernelValue {
  const { kconfig, offset, bytes } = value;
  const whole = wholeValue(value, facts, kconfig);
  if (whole === undefined || typeof whole === 'string')
    return whole === undefined ? undefined : textBytes(whole, value);
  const ordered = facts.byteOrder === 'little' ? offset : value.size - offset - bytes;
  return ordered < 0 ? undefined : BigInt.asUintN(bytes * 8, whole >> BigInt(ordered * 8));
}

function wholeValue({ type, size }: KconfigValue, facts: KernelFacts, name: string): bigint | string | undefined {
  if (name === 'LINUX_KERNEL_VERSION')
    return facts.kernelVersion === undefined ? undefined : BigInt(facts.kernelVersion);
  const feature = Object.hasOwn(LOADER_FEATURES, name) ? LOADER_FEATURES[name] : undefined;
  if (feature !== undefined) {
    const there = lookUp(facts.features, feature);
    return there === undefined ? undefined : BigInt(there);
  }
  if (facts.kconfig === undefined) return undefined;
  const text = lookUp(facts.kconfig, name);
  // An option that is not set leaves a weak variable at 0.
  if (text === undefined) return type === 'string' ? '' : 0n;
  return parseValue(text, type, size);
}

function parseValue(text: string, type: KconfigValue['type'], size: number): bigint | string | undefined {
  if (type === 'string') return text.replace(/^"(.*)"$/, '$1');
  const tristate = Object.hasOwn(TRISTATE, text) ? TRISTATE[text] : undefined;
  if (tristate !== undefined) {
    if (type === 'char') return BigInt(text.charCodeAt(0));
    return type === 'int' ? undefined : tristate;
  }
  if (!/^-?(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text)) return undefined;
  const isNegative = text.startsWith('-');
  const magnitude = BigInt(isNegative ? text.slice(1) : text);
  return BigInt.asUintN(Math.min(size, 8) * 8, isNegative ? -magnitude : magnitude);
}

/** Characters of a string option. */
function textBytes(text: string, { offset, bytes }: KconfigValue): bigint {
  const encoded = new TextEncoder().encode(text);
  let value = 0n;
  for (let at = bytes - 1; at >= 0; at--) value = (value << 8n) | BigInt(encoded[offset + at] ?? 0);
  return value;
}
