/** The calls of the stand-ins (root/ask.sh): read here, answered through files and a named pipe of the host. */
import { constants } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failed } from './command.ts'
import type { Answer, Command } from './command.ts'

/** @param root the host's `/` as a path here @param id what the stand-in wrote to the bus */
export async function answerCalls(root: string, id: string, answer: (command: Command) => Promise<Answer>): Promise<void> {
  if (!/^\d+$/.test(id)) return
  const call = join(root, 'run/sim', `call.${id}`)
  try {
    const command = await readCommand(call)
    const { status, out, err } = await answer(command).catch((error: unknown) =>
      failed(70, `${error instanceof Error ? error.stack : String(error)}\n`),
    )
    await writeFile(join(call, 'out'), out)
    await writeFile(join(call, 'err'), err)
    const pipe = await open(join(call, 'answer'), constants.O_WRONLY | constants.O_NONBLOCK)
    await pipe.write(`${status}\n`)
    await pipe.close()
  } catch {
    // The program that asked was killed meanwhile: there is nobody to answer.
  }
}

async function readCommand(call: string): Promise<Command> {
  const [cwd = '/', name = '', ...args] = (await readFile(join(call, 'argv'), 'utf8')).split('\0').slice(0, -1)
  const stdin = await readFile(join(call, 'stdin'), 'utf8').catch(() => '')
  return { name, args, cwd, stdin }
}
