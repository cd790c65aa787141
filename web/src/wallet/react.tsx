/** The wallets of this browser as React sees them, and a button for each. */
import { useEffect, useState } from "react";
import { Icon } from "../ui/icons";
import { type Wallet, watchWallets } from "./standard";

export function useWallets(): readonly Wallet[] {
  const [wallets, setWallets] = useState<readonly Wallet[]>([]);
  useEffect(() => watchWallets(window, setWallets), []);
  return wallets;
}

export function WalletButton(props: { wallet: Wallet; disabled: boolean; text: string; onUse: () => void }) {
  const { wallet, disabled, text, onUse } = props;
  return (
    <button
      type="button"
      disabled={disabled}
      onClick={onUse}
      className="flex h-10 items-center gap-2.5 rounded border border-edge bg-raised px-3 text-sm font-medium text-text hover:bg-hover disabled:opacity-50"
    >
      {wallet.icon.startsWith("data:image/") ? (
        <img src={wallet.icon} alt="" width={20} height={20} className="rounded-sm" />
      ) : (
        <Icon name="wallets" size={20} />
      )}
      {text}
    </button>
  );
}
