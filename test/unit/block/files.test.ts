import { fileDeviceSuites } from '../../suites/file-devices.ts';

fileDeviceSuites('as this machine can');
