/** Real files whose calls take no time: on a manual clock everything that leads to them is over when it settles. */

import fs from 'node:fs';
import { nodeFiles, type SpoolFiles } from '../../src/spool/format/file-system.ts';

export const promptFiles: SpoolFiles = {
  ...nodeFiles,
  mkdir: async (path, mode) => void fs.mkdirSync(path, mode),
  readdir: async (path) => fs.readdirSync(path),
  stat: async (path) => fs.lstatSync(path),
  readFile: async (path, maxBytes) => {
    const fd = nodeFiles.openSync(path, 'r', 0);
    try {
      if (fs.fstatSync(fd).size > maxBytes) throw new Error('too large');
      return fs.readFileSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  rename: async (from, to) => fs.renameSync(from, to),
  unlink: async (path) => fs.unlinkSync(path),
  rmdir: async (path) => fs.rmdirSync(path),
  syncDirectory: async () => {},
  open: async (path, flags, mode) => nodeFiles.openSync(path, flags, mode),
  close: async (fd) => fs.closeSync(fd),
  read: async (fd, buffer, position) => fs.readSync(fd, buffer, 0, buffer.byteLength, position),
  writev: async (fd, buffers, position) => fs.writevSync(fd, buffers, position),
  datasync: async (fd) => fs.fdatasyncSync(fd),
};
