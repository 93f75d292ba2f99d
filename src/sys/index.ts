export { addressOf } from './address.ts';
export { CAP_SYS_ADMIN, hasCapability, withoutCapability } from './capabilities.ts';
export { clearNonBlocking, setNonBlocking } from './descriptors.ts';
export { deviceNumbers, formatDeviceNumbers } from './device-numbers.ts';
export { type DeviceUser, describeUser, deviceUsers } from './device-users.ts';
export { canPunchHoles, discardBlocks, punchHole, zeroRange } from './fallocate.ts';
export { ffiAvailable, type Libc, libc, type PollHandle, systemError } from './ffi.ts';
export { flock, funlock, isByteLocked, lockByte } from './flock.ts';
export { markIoFlusher } from './io-flusher.ts';
export { openLibcrypto } from './libcrypto.ts';
export { lockedMemoryLimit } from './limits.ts';
export { createSecretMemory } from './memory.ts';
export * from './mounts.ts';
export * from './netlink.ts';
export { peerCredentials, socketDescriptor } from './peer.ts';
export {
  closeInheritedDescriptors,
  identityOf,
  isAlive,
  type ProcessIdentity,
  thisProcess,
} from './process.ts';
export { protectProcess } from './protection.ts';
export { receivedDescriptor, socketPair } from './received-descriptor.ts';
export { markForShutdown, protectFromOom } from './survival.ts';
export { type UdevWaitOptions, udevRuns, waitForUdev } from './udev.ts';
export { listenOnUnixSocket, type UnixListener } from './unix-socket.ts';
export { UnreadSocket } from './unread-socket.ts';
export * from './uring.ts';
