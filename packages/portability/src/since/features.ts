/**
 * Feature, or hook kind, of the requirement language → mainline version that brought it. For explanations only. Source: the git tags of
 * Linux in which the flag, attach type or instruction first stands in include/uapi/linux/bpf.h; verifier abilities by the release notes of
 * kernelnewbies.org.
 */
export const FEATURES_SINCE: ReadonlyMap<string, string> = new Map([
  ['cpu-v2', '4.14'],
  ['subprogram-calls', '4.16'],
  ['raw-tracepoint', '4.17'],
  ['cpu-v3', '5.1'],
  ['global-data', '5.2'],
  ['bounded-loops', '5.3'],
  ['kernel-btf', '5.4'],
  ['btf-tracepoint', '5.5'],
  ['fentry', '5.5'],
  ['fexit', '5.5'],
  ['fmod-ret', '5.7'],
  ['lsm', '5.7'],
  ['iter', '5.8'],
  ['sleepable', '5.10'],
  ['atomics', '5.12'],
  ['callback-functions', '5.13'],
  ['kprobe-multi', '5.18'],
  ['xdp-frags', '5.18'],
  ['lsm-cgroup', '6.0'],
  ['cpu-v4', '6.6'],
  ['uprobe-multi', '6.6'],
  ['tcx', '6.6'],
  ['netkit', '6.7'],
  ['may-goto', '6.9'],
  ['kprobe-session', '6.10'],
]);
