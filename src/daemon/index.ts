export { type ActivateDeviceOptions, activateDevice } from './activate.ts';
export {
  closeDevice,
  findDevice,
  flushDevice,
  listDevices,
  messageDevice,
  resumeDevice,
  suspendDevice,
} from './devices.ts';
export type { ActivationRequest, CloseOptions, DeviceInfo, ListenOptions } from './request.ts';
