/**
 * Mainline versions that brought helpers, by version. For explanations only: no rule compares a version. Source: the git tags of Linux
 * in which the helper first stands in include/uapi/linux/bpf.h; up to 5.5 as listed in iovisor/bcc, docs/kernel-versions.md. A helper
 * that is not listed has no version in its explanation.
 */
const HELPERS_BY_VERSION: Readonly<Record<string, string>> = {
  '3.19': 'map_lookup_elem map_update_elem map_delete_elem',
  '4.1':
    'get_prandom_u32 get_smp_processor_id ktime_get_ns l3_csum_replace l4_csum_replace probe_read skb_store_bytes trace_printk',
  '4.2': 'clone_redirect get_current_comm get_current_pid_tgid get_current_uid_gid tail_call',
  '4.3': 'get_cgroup_classid perf_event_read skb_get_tunnel_key skb_set_tunnel_key skb_vlan_pop skb_vlan_push',
  '4.4': 'get_route_realm perf_event_output redirect',
  '4.5': 'skb_load_bytes',
  '4.6': 'csum_diff get_stackid skb_get_tunnel_opt skb_set_tunnel_opt',
  '4.8': 'get_current_task get_hash_recalc probe_write_user skb_change_proto skb_change_type skb_under_cgroup',
  '4.9': 'csum_update current_task_under_cgroup set_hash_invalid skb_change_tail skb_pull_data',
  '4.10': 'get_numa_node_id skb_change_head xdp_adjust_head',
  '4.11': 'probe_read_str',
  '4.12': 'get_socket_cookie get_socket_uid',
  '4.13': 'set_hash setsockopt skb_adjust_room',
  '4.14': 'redirect_map sk_redirect_map sock_map_update',
  '4.15': 'getsockopt perf_event_read_value perf_prog_read_value xdp_adjust_meta',
  '4.16': 'override_return sock_ops_cb_flags_set',
  '4.17': 'bind msg_apply_bytes msg_cork_bytes msg_pull_data msg_redirect_map',
  '4.18':
    'fib_lookup get_current_cgroup_id get_stack lwt_push_encap lwt_seg6_action msg_redirect_hash rc_keydown rc_repeat sk_redirect_hash skb_cgroup_id skb_get_xfrm_state skb_load_bytes_relative sock_hash_update xdp_adjust_tail',
  '4.19': 'get_local_storage sk_select_reuseport skb_ancestor_cgroup_id',
  '4.20': 'map_peek_elem map_pop_elem map_push_elem msg_push_data sk_lookup_tcp sk_lookup_udp sk_release',
  '5.0': 'msg_pop_data rc_pointer_rel',
  '5.1': 'get_listener_sock sk_fullsock skb_ecn_set_ce spin_lock spin_unlock tcp_sock',
  '5.2':
    'sk_storage_delete sk_storage_get skc_lookup_tcp strtol strtoul sysctl_get_current_value sysctl_get_name sysctl_get_new_value sysctl_set_new_value tcp_check_syncookie',
  '5.3': 'send_signal tcp_gen_syncookie',
  '5.5': 'probe_read_kernel probe_read_kernel_str probe_read_user probe_read_user_str skb_output',
  '5.6': 'jiffies64 read_branch_records send_signal_thread tcp_send_ack',
  '5.7': 'get_current_ancestor_cgroup_id get_netns_cookie get_ns_current_pid_tgid sk_assign xdp_output',
  '5.8':
    'csum_level ktime_get_boot_ns ringbuf_discard ringbuf_output ringbuf_query ringbuf_reserve ringbuf_submit seq_printf seq_write sk_cgroup_id',
  '5.9': 'get_task_stack skc_to_tcp6_sock skc_to_tcp_sock skc_to_udp6_sock',
  '5.10':
    'copy_from_user d_path inode_storage_delete inode_storage_get load_hdr_opt per_cpu_ptr redirect_neigh redirect_peer reserve_hdr_opt seq_printf_btf skb_cgroup_classid snprintf_btf store_hdr_opt this_cpu_ptr',
  '5.11':
    'bprm_opts_set get_current_task_btf ima_inode_hash ktime_get_coarse_ns sock_from_file task_storage_delete task_storage_get',
  '5.12': 'check_mtu',
  '5.13': 'for_each_map_elem snprintf',
  '5.14': 'btf_find_by_name_kind sys_bpf sys_close',
  '5.15': 'get_attach_cookie get_func_ip task_pt_regs timer_cancel timer_init timer_set_callback timer_start',
  '5.16': 'get_branch_snapshot kallsyms_lookup_name skc_to_unix_sock trace_vprintk',
  '5.17': 'find_vma get_func_arg get_func_arg_cnt get_func_ret loop strncmp',
  '5.18':
    'copy_from_user_task get_retval ima_file_hash set_retval skb_set_tstamp xdp_get_buff_len xdp_load_bytes xdp_store_bytes',
  '5.19':
    'dynptr_data dynptr_from_mem dynptr_read dynptr_write kptr_xchg map_lookup_percpu_elem ringbuf_discard_dynptr ringbuf_reserve_dynptr ringbuf_submit_dynptr skc_to_mptcp_sock',
  '6.1': 'ktime_get_tai_ns user_ringbuf_drain',
  '6.2': 'cgrp_storage_delete cgrp_storage_get',
};

/** Helper with its `bpf_` → mainline version. */
export const HELPERS_SINCE: ReadonlyMap<string, string> = new Map(
  Object.entries(HELPERS_BY_VERSION).flatMap(([version, names]) =>
    names.split(' ').map((name): [string, string] => [`bpf_${name}`, version]),
  ),
);
