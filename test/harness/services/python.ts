import { join } from 'node:path';
import { runCommand } from './command.ts';
import { installOnce } from './install.ts';

/**
 * Installs pinned PyPI packages into a virtual environment of the cache and returns the environment's folder.
 *
 * One environment for each tool: Spark, Airflow and moto want different versions of the same libraries.
 */
export function installPython(name: string, requirements: readonly string[]): Promise<string> {
  return installOnce(name, async (folder) => {
    await runCommand('python3', ['-m', 'venv', folder]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
    await runCommand(join(folder, 'bin', 'python'), [...pip, ...requirements]);
  });
}
