/** Lets the browser save a file that was fetched with the caller's key, which a plain link could not carry. */
export function saveFile(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // a slow disk may still be reading
}
