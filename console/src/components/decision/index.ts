export { ApproveDialog, type ApproveDialogProps } from "./ApproveDialog";
export { PatientLine } from "./PatientLine";
export { SecondLookDialog } from "./SecondLookDialog";
export { SignActions } from "./SignActions";
export { SignedRecord, WaitingWords } from "./SignedRecord";
export { Proposal, SigningOptions, Verdict, VerdictPanel } from "./VerdictPanel";
