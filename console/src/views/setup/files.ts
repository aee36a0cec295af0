/** A file with the path that it has in the folder somebody dropped. */
function withPath(file: File, path: string): File {
  // webkitRelativePath can only be read; a dropped folder says its paths elsewhere.
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

const someOf = (reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> =>
  new Promise((resolve, reject) => reader.readEntries(resolve, reject));

async function filesUnder(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await fileOf(entry as FileSystemFileEntry);
    return [withPath(file, entry.fullPath.replace(/^\//, ""))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  // A reader gives a hundred entries at a time, and none when it has given all.
  for (let some = await someOf(reader); some.length > 0; some = await someOf(reader)) {
    for (const one of some) {
      found.push(...(await filesUnder(one)));
    }
  }
  return found;
}

/** All files of what was dropped, through all its folders. */
export async function droppedFiles(items: DataTransferItemList): Promise<File[]> {
  // The list is empty after the first wait, so the entries are taken first.
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = await Promise.all(entries.map(filesUnder));
  return files.flat();
}
