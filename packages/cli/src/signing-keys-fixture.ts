/** Keys of minisign without passwords. */
export const publicKey = "RWTE5wAMPskhuhw1gbUJnmDQ+YpMl2POicsC+8F4IPty9GvQygtcD4Zw\n";
export const otherKey = "RWTuoKq35BFGfaKieHLXUv3mM8u0tua3Zbm9cmaocFrD+eNqm7GhJ3tG\n";
export const secretKey = `untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAxOcADD7JIbrmav1aHOm8ixyMkyAf+WwK9cu0dkW/B9m3W3r8KeLMiRw1gbUJnmDQ+YpMl2POicsC+8F4IPty9GvQygtcD4ZwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
`;
