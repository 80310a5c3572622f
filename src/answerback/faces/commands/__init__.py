"""The commands of `answerback`; each file is imported when one of its commands is called."""
