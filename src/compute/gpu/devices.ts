import { execFile } from 'node:child_process';

/** A device that one engine has to itself; null leaves the choice to torch, which is right for one GPU and for none. */
export type DeviceNumber = string | null;

/**
 * The devices of ENGINE_DEVICES, or all that the driver of NVIDIA names. Anything else has one engine, which takes what
 * torch finds.
 */
export async function listDevices(setting: string | null): Promise<DeviceNumber[]> {
  if (setting !== null)
    return [...new Set(setting.split(',').map((part) => part.trim()))].filter((part) => part !== '');
  const found = await askDriver();
  return found.length > 1 ? found : [null];
}

export const deviceEnv = (device: DeviceNumber): Record<string, string> =>
  device === null ? {} : { CUDA_VISIBLE_DEVICES: device, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };

const askDriver = (): Promise<string[]> =>
  new Promise((resolve) => {
    execFile(
      'nvidia-smi',
      ['--query-gpu=index', '--format=csv,noheader'],
      { timeout: 5_000, env: { PATH: '/usr/local/bin:/usr/bin:/bin' } },
      (error, stdout) =>
        resolve(
          error
            ? []
            : stdout
                .split('\n')
                .map((line) => line.trim())
                .filter((line) => /^\d+$/.test(line)),
        ),
    );
  });
