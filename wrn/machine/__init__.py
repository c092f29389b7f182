"""What this machine has, told without TensorFlow.

host        processors, memory, and what else an estimate needs to know
resources   how busy it is
cgroups     the memory that a container or a batch job may still take
"""
