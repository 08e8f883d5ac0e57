const FEATURE = 'sleepable-lsm-';
const FUNCTION = 'bpf_lsm_';

/** The function of the kernel that stands for the hook of `sleepable-lsm-HOOK`; `undefined` for other features. */
export function sleepableLsmFunction(feature: string): string | undefined {
  return feature.startsWith(FEATURE) ? `${FUNCTION}${feature.slice(FEATURE.length).replaceAll('-', '_')}` : undefined;
}

/** The feature for a function of the kernel that stands for a hook of security modules (include/linux/bpf_lsm.h); `undefined` for others. */
export function sleepableLsmFeature(name: string): string | undefined {
  return name.startsWith(FUNCTION) ? `${FEATURE}${name.slice(FUNCTION.length).replaceAll('_', '-')}` : undefined;
}
