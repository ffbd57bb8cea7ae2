/** Where the runs of a folder are kept, relative to it. */
export const RUNS_FOLDER = '.runbook/runs'
export const journalPath = (run: string): string => `${RUNS_FOLDER}/${run}/journal.jsonl`
export const blobPath = (run: string, name: string): string => `${RUNS_FOLDER}/${run}/blobs/${name}`
export const processPath = (run: string): string => `${RUNS_FOLDER}/${run}/process.json`
/** What of the inputs may be secret. */
export const sealedInputsPath = (run: string): string => `${RUNS_FOLDER}/${run}/inputs.sealed`
export const inputsPath = (run: string): string => `${RUNS_FOLDER}/${run}/inputs.json`
/** What a run's blobs are sealed with: not in the run's own folder. */
export const keyPath = (run: string): string => `.runbook/keys/${run}`
