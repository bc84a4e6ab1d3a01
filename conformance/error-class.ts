/**
 * Under which codes of this service an error of the corpus may come, by OpenFGA's number. What is
 * compared is the class of the mistake: that it is the caller's, and which.
 */
const classes: Readonly<Record<number, readonly string[]>> = {
  // validation_error: the question does not fit the model, or lacks what a condition asks for.
  2000: ["context_missing", "malformed", "unknown_relation", "unknown_type"],
  // authorization_model_resolution_too_complex
  2002: ["budget_exceeded"],
  // type_not_found
  2021: ["unknown_type"],
  // relation_not_found
  2022: ["unknown_relation"],
  // invalid_tuple: a contextual one that the model does not allow.
  2027: ["tuple_refused", "unknown_relation", "unknown_type"],
};

export function isOfClass(code: string, corpusCode: number): boolean {
  return classes[corpusCode]?.includes(code) === true;
}
