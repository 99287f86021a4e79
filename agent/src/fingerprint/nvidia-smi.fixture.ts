/** What nvidia-smi prints. "Recorded" is from a real machine; "constructed" was made up after NVIDIA's manual and bug reports. */

/** One H200 with driver 580.159.04. */
export const recordedH200 =
  'GPU-8e4ee275-0a37-276e-51f8-2abcb42253eb, NVIDIA H200, 00000000:00:06.0, 580.159.04, 143771, 9.0\n';

/** The same driver, asked for a field that it does not know: exit code 2, on standard output. */
export const recordedUnknownField = 'Field "not_a_field" is not a valid field to query.\n\n';

/** Two cards of a driver before 510, without compute_cap. */
export const constructedOldDriver = [
  'GPU-11111111-1111-1111-1111-111111111111, Tesla V100-SXM2-16GB, 00000000:00:1E.0, 418.87.00, 16130',
  'GPU-22222222-2222-2222-2222-222222222222, Tesla V100-SXM2-16GB, 00000000:00:1F.0, 418.87.00, 16130',
  '',
].join('\n');

/** Memory that is the machine's own, and values that are not given. */
export const constructedNoValues =
  'GPU-33333333-3333-3333-3333-333333333333, NVIDIA GB10, [N/A], 580.95.05, [Not Supported], [Unknown Error]\n';

/** One card fell off the bus. */
export const constructedLost = [
  'GPU-11111111-1111-1111-1111-111111111111, NVIDIA H100, 00000000:04:00.0, 550.54.15, 81559, 9.0',
  'Unable to determine the device handle for GPU 0000:05:00.0: GPU is lost.  Reboot the system to recover this GPU',
  '',
].join('\n');

/** Exit code 6. */
export const constructedNoDevices = 'No devices were found\n';

/** Exit code 9. */
export const constructedNoDriver =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n";
