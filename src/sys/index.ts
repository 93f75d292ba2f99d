export { deviceNumbers, formatDeviceNumbers } from './device-numbers.ts';
export { canPunchHoles, punchHole } from './fallocate.ts';
export { ffiAvailable } from './ffi.ts';
export { flock, funlock, isByteLocked, lockByte } from './flock.ts';
export { createSecretMemory } from './memory.ts';
export { peerCredentials, socketDescriptor } from './peer.ts';
export { closeInheritedDescriptors, isAlive, type ProcessIdentity, thisProcess } from './process.ts';
export { protectProcess } from './protection.ts';
export { listenOnUnixSocket, type UnixListener } from './unix-socket.ts';
