/**
 * Helpers that change something beyond the service's own maps and events: memory of the kernel or of processes, what functions return, signals,
 * sockets, packets and where they go, settings (include/uapi/linux/bpf.h). Written down by hand: the kernel keeps no such list.
 */
const HELPERS = `
probe_write_user override_return send_signal send_signal_thread sys_bpf sys_close set_retval bprm_opts_set
sysctl_set_new_value rc_repeat rc_keydown rc_pointer_rel
setsockopt bind sk_assign sk_redirect_map sk_redirect_hash msg_redirect_map msg_redirect_hash msg_push_data msg_pop_data msg_apply_bytes
sock_ops_cb_flags_set store_hdr_opt reserve_hdr_opt tcp_send_ack sock_map_update sock_hash_update
skb_store_bytes l3_csum_replace l4_csum_replace clone_redirect redirect redirect_map redirect_neigh redirect_peer skb_vlan_push skb_vlan_pop
skb_set_tunnel_key skb_set_tunnel_opt skb_change_proto skb_change_type skb_change_tail skb_change_head skb_adjust_room skb_ecn_set_ce
skb_set_tstamp set_hash set_hash_invalid csum_update csum_level xdp_adjust_head xdp_adjust_meta xdp_adjust_tail xdp_store_bytes
lwt_push_encap lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action
`;

/** Kernel functions of that kind. What schedulers call (`scx_bpf_…`) goes with their struct_ops hook. */
const KERNEL_FUNCTIONS = `
bpf_send_signal_task bpf_sock_destroy bpf_set_dentry_xattr bpf_remove_dentry_xattr bpf_sock_addr_set_sun_path bpf_skb_set_fou_encap
bpf_xdp_ct_alloc bpf_skb_ct_alloc bpf_ct_insert_entry bpf_ct_set_timeout bpf_ct_change_timeout bpf_ct_set_status bpf_ct_change_status
bpf_ct_set_nat_info bpf_sk_assign_tcp_reqsk bpf_skb_set_xfrm_info crash_kexec
`;

const ACTING: ReadonlySet<string> = new Set([
  ...words(HELPERS).map((name) => `bpf_${name}`),
  ...words(KERNEL_FUNCTIONS),
]);

/** Whether a helper or kernel function changes something beyond maps. */
export function isActing(name: string): boolean {
  return ACTING.has(name);
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
