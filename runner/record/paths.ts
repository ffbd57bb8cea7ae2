/** The runs' folder, relative to the working folder. */
export const RUNS_FOLDER = '.runbook/runs'
export const journalPath = (run: string): string => `${RUNS_FOLDER}/${run}/journal.jsonl`
export const blobPath = (run: string, name: string): string => `${RUNS_FOLDER}/${run}/blobs/${name}`
export const processPath = (run: string): string => `${RUNS_FOLDER}/${run}/process.json`
/** The encrypted part of the inputs. */
export const sealedInputsPath = (run: string): string => `${RUNS_FOLDER}/${run}/inputs.sealed`
export const inputsPath = (run: string): string => `${RUNS_FOLDER}/${run}/inputs.json`
/** The key of a run's encrypted files: outside the run's own folder. */
export const keyPath = (run: string): string => `.runbook/keys/${run}`
