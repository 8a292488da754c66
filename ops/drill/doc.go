// Package drill runs an exercise: it publishes the objects of a script to the
// community of exercises, each at its time, and watches which seats receive and
// acknowledge them. What makes an object an exercise is that community, which is
// mixed with nothing and reaches no sink but those for exercises; objects that the
// script words say so in their own text as well.
package drill
