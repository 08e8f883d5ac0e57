import { connect } from 'node:net';

// qemu starts this once for each connection of a guest, with the connection as standard input and output.
const socket = connect({ host: '127.0.0.1', port: Number(process.argv[2]), allowHalfOpen: true });
socket.on('error', () => process.exit(1));
process.stdin.pipe(socket);
socket.pipe(process.stdout);
socket.on('close', () => process.exit(0));
